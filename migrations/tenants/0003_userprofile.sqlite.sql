-- +depends auth.0001_initial tenants.0002_tenantmodel_ai_token_tenantmodel_cwu_token
-- +operation Create model UserProfile
-- +up
CREATE TABLE "tenants_userprofile" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "phone" varchar(20) NOT NULL, "avatar" varchar(100) NOT NULL, "bio" text NOT NULL, "language" varchar(10) NOT NULL, "timezone" varchar(50) NOT NULL, "notifications_enabled" bool NOT NULL, "is_tenant_admin" bool NOT NULL, "permissions" text NOT NULL CHECK ((JSON_VALID("permissions") OR "permissions" IS NULL)), "created_at" datetime NOT NULL, "updated_at" datetime NOT NULL, "tenant_id" bigint NOT NULL REFERENCES "tenants_tenantmodel" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" integer NOT NULL UNIQUE REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "tenants_userprofile_user_id_tenant_id_b230bde3_uniq" ON "tenants_userprofile" ("user_id", "tenant_id");
CREATE INDEX "tenants_userprofile_tenant_id_e10c7a13" ON "tenants_userprofile" ("tenant_id");
-- +down
DROP TABLE "tenants_userprofile";
