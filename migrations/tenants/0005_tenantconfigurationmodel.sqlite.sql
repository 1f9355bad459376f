-- +depends tenants.0004_alter_tenantmodel_model
-- +operation Create model TenantConfigurationModel
-- +up
CREATE TABLE "tenants_tenantconfigurationmodel" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "config_type" varchar(50) NOT NULL, "config_data" text NOT NULL CHECK ((JSON_VALID("config_data") OR "config_data" IS NULL)), "tenant_id" bigint NOT NULL REFERENCES "tenants_tenantmodel" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "tenants_tenantconfigurationmodel_tenant_id_5078bc6f" ON "tenants_tenantconfigurationmodel" ("tenant_id");
-- +down
DROP TABLE "tenants_tenantconfigurationmodel";
