-- Who may what: roles of a tenant's own, permissions given for a time, keys of a
-- tenant's programs, and what each operator is there for.
--
-- The directory of keys has no foreign key, as that of tokens has none: it is global,
-- and what is left in it of a tenant that is gone opens nothing.
-- +depends tenantry.0006_rollouts
-- +operation Create table tenantry_role
-- +up
CREATE TABLE "tenantry_role" ("tenant_id" bigint NOT NULL REFERENCES "tenantry_tenant" ("tenant_id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "name" varchar(30) NOT NULL, "label" varchar(100) NOT NULL, "permissions" text NOT NULL, "created_at" datetime NOT NULL, "created_by" varchar(255) NOT NULL, "updated_at" datetime NOT NULL, PRIMARY KEY ("tenant_id", "name"));
-- +down
DROP TABLE "tenantry_role";
-- +operation Create table tenantry_grant
-- +up
CREATE TABLE "tenantry_grant" ("tenant_id" bigint NOT NULL, "grant_id" varchar(30) NOT NULL, "user_id" bigint NOT NULL, "permission" varchar(60) NOT NULL, "reason" varchar(1000) NOT NULL, "granted_at" datetime NOT NULL, "granted_by" varchar(255) NOT NULL, "expires_at" datetime NOT NULL, "revoked_at" datetime NULL, "revoked_by" varchar(255) NOT NULL DEFAULT '', PRIMARY KEY ("tenant_id", "grant_id"), FOREIGN KEY ("tenant_id", "user_id") REFERENCES "tenantry_membership" ("tenant_id", "user_id") ON DELETE CASCADE);
CREATE INDEX "tenantry_grant_user_idx" ON "tenantry_grant" ("tenant_id", "user_id");
-- +down
DROP TABLE "tenantry_grant";
-- +operation Create table tenantry_key
-- +up
CREATE TABLE "tenantry_key" ("tenant_id" bigint NOT NULL REFERENCES "tenantry_tenant" ("tenant_id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "key_id" varchar(30) NOT NULL, "name" varchar(150) NOT NULL, "digest" varchar(64) NOT NULL, "display" varchar(20) NOT NULL, "permissions" text NOT NULL, "expires_at" datetime NULL, "created_at" datetime NOT NULL, "created_by" varchar(255) NOT NULL, "last_used_at" datetime NULL, "revoked_at" datetime NULL, PRIMARY KEY ("tenant_id", "key_id"), UNIQUE ("tenant_id", "name"));
-- +down
DROP TABLE "tenantry_key";
-- +operation Create table tenantry_key_digest
-- +up
CREATE TABLE "tenantry_key_digest" ("digest" varchar(64) NOT NULL PRIMARY KEY, "tenant_id" bigint NOT NULL, "key_id" varchar(30) NOT NULL);
-- +down
DROP TABLE "tenantry_key_digest";
-- +operation Add column role to tenantry_operator
-- +up
ALTER TABLE "tenantry_operator" ADD COLUMN "role" varchar(30) NOT NULL DEFAULT 'admin';
-- +down
ALTER TABLE "tenantry_operator" DROP COLUMN "role";
