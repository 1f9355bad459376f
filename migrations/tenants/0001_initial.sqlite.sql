-- +operation Create model TenantModel
-- +up
CREATE TABLE "tenants_tenantmodel" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(255) NOT NULL UNIQUE, "description" text NOT NULL, "model" varchar(50) NOT NULL, "configuration" text NOT NULL CHECK ((JSON_VALID("configuration") OR "configuration" IS NULL)), "is_active" bool NOT NULL, "max_agents" integer NOT NULL, "max_documents" integer NOT NULL, "max_storage_mb" integer NOT NULL, "created_at" datetime NOT NULL, "updated_at" datetime NOT NULL);
CREATE INDEX "tenants_ten_name_7345e4_idx" ON "tenants_tenantmodel" ("name");
CREATE INDEX "tenants_ten_is_acti_589a5f_idx" ON "tenants_tenantmodel" ("is_active");
-- +down
DROP TABLE "tenants_tenantmodel";
