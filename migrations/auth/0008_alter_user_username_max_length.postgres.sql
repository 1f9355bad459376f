-- +depends auth.0007_alter_validators_add_error_messages
-- +operation Alter field username on user
-- +up
ALTER TABLE "auth_user" ALTER COLUMN "username" TYPE varchar(150);
-- +down
ALTER TABLE "auth_user" ALTER COLUMN "username" TYPE varchar(30);
