-- +depends tenants.0001_initial
-- +operation Add field ai_token to tenantmodel
-- +up
ALTER TABLE "tenants_tenantmodel" ADD COLUMN "ai_token" varchar(255) DEFAULT '' NOT NULL;
ALTER TABLE "tenants_tenantmodel" ALTER COLUMN "ai_token" DROP DEFAULT;
-- +down
ALTER TABLE "tenants_tenantmodel" DROP COLUMN "ai_token" CASCADE;
-- +operation Add field cwu_token to tenantmodel
-- +up
ALTER TABLE "tenants_tenantmodel" ADD COLUMN "cwu_token" varchar(255) DEFAULT '' NOT NULL;
ALTER TABLE "tenants_tenantmodel" ALTER COLUMN "cwu_token" DROP DEFAULT;
-- +down
ALTER TABLE "tenants_tenantmodel" DROP COLUMN "cwu_token" CASCADE;
