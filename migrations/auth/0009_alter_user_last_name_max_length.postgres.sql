-- +depends auth.0008_alter_user_username_max_length
-- +operation Alter field last_name on user
-- +up
ALTER TABLE "auth_user" ALTER COLUMN "last_name" TYPE varchar(150);
-- +down
ALTER TABLE "auth_user" ALTER COLUMN "last_name" TYPE varchar(30);
