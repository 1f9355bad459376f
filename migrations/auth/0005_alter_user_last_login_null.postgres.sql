-- Backwards, whoever never signed in is given the day of joining, where Django
-- gives the moment of the migration.
-- +depends auth.0004_alter_user_username_opts
-- +operation Alter field last_login on user
-- +up
ALTER TABLE "auth_user" ALTER COLUMN "last_login" DROP NOT NULL;
-- +down
UPDATE "auth_user" SET "last_login" = "date_joined" WHERE "last_login" IS NULL;
ALTER TABLE "auth_user" ALTER COLUMN "last_login" SET NOT NULL;
