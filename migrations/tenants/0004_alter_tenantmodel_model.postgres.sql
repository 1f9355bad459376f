-- +depends tenants.0003_userprofile
-- +operation Alter field model on tenantmodel
-- +up
ALTER TABLE "tenants_tenantmodel" ALTER COLUMN "model" TYPE varchar(100);
-- +down
ALTER TABLE "tenants_tenantmodel" ALTER COLUMN "model" TYPE varchar(50);
