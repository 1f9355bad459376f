-- +depends auth.0011_update_proxy_permissions
-- +operation Alter field first_name on user
-- +up
ALTER TABLE "auth_user" ALTER COLUMN "first_name" TYPE varchar(150);
-- +down
ALTER TABLE "auth_user" ALTER COLUMN "first_name" TYPE varchar(30);
