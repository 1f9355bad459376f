-- +depends auth.0001_initial
-- +operation Alter field name on permission
-- +up
ALTER TABLE "auth_permission" ALTER COLUMN "name" TYPE varchar(255);
-- +down
ALTER TABLE "auth_permission" ALTER COLUMN "name" TYPE varchar(50);
