-- +depends auth.0002_alter_permission_name_max_length
-- +operation Alter field email on user
-- +up
ALTER TABLE "auth_user" ALTER COLUMN "email" TYPE varchar(254);
-- +down
ALTER TABLE "auth_user" ALTER COLUMN "email" TYPE varchar(75);
