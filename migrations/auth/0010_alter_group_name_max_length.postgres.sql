-- +depends auth.0009_alter_user_last_name_max_length
-- +operation Alter field name on group
-- +up
ALTER TABLE "auth_group" ALTER COLUMN "name" TYPE varchar(150);
-- +down
ALTER TABLE "auth_group" ALTER COLUMN "name" TYPE varchar(80);
