-- +depends tenants.0001_initial
-- +operation Add field ai_token to tenantmodel
-- +up
CREATE TABLE "new__tenants_tenantmodel" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "ai_token" varchar(255) NOT NULL, "name" varchar(255) NOT NULL UNIQUE, "description" text NOT NULL, "model" varchar(50) NOT NULL, "configuration" text NOT NULL CHECK ((JSON_VALID("configuration") OR "configuration" IS NULL)), "is_active" bool NOT NULL, "max_agents" integer NOT NULL, "max_documents" integer NOT NULL, "max_storage_mb" integer NOT NULL, "created_at" datetime NOT NULL, "updated_at" datetime NOT NULL);
INSERT INTO "new__tenants_tenantmodel" ("id", "name", "description", "model", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at", "ai_token") SELECT "id", "name", "description", "model", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at", '' FROM "tenants_tenantmodel";
DROP TABLE "tenants_tenantmodel";
ALTER TABLE "new__tenants_tenantmodel" RENAME TO "tenants_tenantmodel";
CREATE INDEX "tenants_ten_name_7345e4_idx" ON "tenants_tenantmodel" ("name");
CREATE INDEX "tenants_ten_is_acti_589a5f_idx" ON "tenants_tenantmodel" ("is_active");
-- +down
ALTER TABLE "tenants_tenantmodel" DROP COLUMN "ai_token";
-- +operation Add field cwu_token to tenantmodel
-- +up
CREATE TABLE "new__tenants_tenantmodel" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(255) NOT NULL UNIQUE, "description" text NOT NULL, "model" varchar(50) NOT NULL, "configuration" text NOT NULL CHECK ((JSON_VALID("configuration") OR "configuration" IS NULL)), "is_active" bool NOT NULL, "max_agents" integer NOT NULL, "max_documents" integer NOT NULL, "max_storage_mb" integer NOT NULL, "created_at" datetime NOT NULL, "updated_at" datetime NOT NULL, "ai_token" varchar(255) NOT NULL, "cwu_token" varchar(255) NOT NULL);
INSERT INTO "new__tenants_tenantmodel" ("id", "name", "description", "model", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at", "ai_token", "cwu_token") SELECT "id", "name", "description", "model", "configuration", "is_active", "max_agents", "max_documents", "max_storage_mb", "created_at", "updated_at", "ai_token", '' FROM "tenants_tenantmodel";
DROP TABLE "tenants_tenantmodel";
ALTER TABLE "new__tenants_tenantmodel" RENAME TO "tenants_tenantmodel";
CREATE INDEX "tenants_ten_name_7345e4_idx" ON "tenants_tenantmodel" ("name");
CREATE INDEX "tenants_ten_is_acti_589a5f_idx" ON "tenants_tenantmodel" ("is_active");
-- +down
ALTER TABLE "tenants_tenantmodel" DROP COLUMN "cwu_token";
