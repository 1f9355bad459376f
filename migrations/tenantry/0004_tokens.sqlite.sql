-- Tokens. Django's columns ai_token and cwu_token hold the secret itself, sealed or
-- plain; everything else about a token stands here. A token keeps its id for life,
-- its secrets come and go as versions. tenantry_token_digest is the directory:
-- global, so that a digest finds its tenant; it has no foreign key because a
-- global table cannot have one to rows that are spread over machines.
-- +depends tenantry.0001_initial
-- +operation Create table tenantry_token
-- +up
CREATE TABLE "tenantry_token" ("tenant_id" bigint NOT NULL REFERENCES "tenants_tenantmodel" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "token_id" varchar(30) NOT NULL, "kind" varchar(10) NOT NULL CHECK ("kind" IN ('ai', 'cwu')), "home" bool NOT NULL, "name" varchar(100) NOT NULL DEFAULT '', "scopes" text NOT NULL DEFAULT '[]', "allowed_addresses" text NOT NULL DEFAULT '[]', "current_version" bigint NOT NULL, "expires_at" datetime NULL, "created_at" datetime NULL, "created_by" varchar(255) NOT NULL, "revoked_at" datetime NULL, "revoked_reason" varchar(20) NOT NULL DEFAULT '' CHECK ("revoked_reason" IN ('', 'superseded', 'compromised', 'leaked', 'duplicate', 'replaced', 'withdrawn', 'unused', 'administrative')), PRIMARY KEY ("tenant_id", "token_id"));
CREATE UNIQUE INDEX "tenantry_token_home_idx" ON "tenantry_token" ("tenant_id", "kind") WHERE "home";
CREATE UNIQUE INDEX "tenantry_token_name_idx" ON "tenantry_token" ("tenant_id", "name") WHERE "name" <> '';
CREATE INDEX "tenantry_token_token_id_idx" ON "tenantry_token" ("token_id");
-- +down
DROP TABLE "tenantry_token";
-- +operation Create table tenantry_token_version
-- +up
CREATE TABLE "tenantry_token_version" ("tenant_id" bigint NOT NULL, "token_id" varchar(30) NOT NULL, "version" bigint NOT NULL, "digest" blob NOT NULL, "display" varchar(20) NOT NULL, "created_at" datetime NULL, "expires_at" datetime NULL, "retire_at" datetime NULL, "retire_on_use" bool NOT NULL DEFAULT 0, "first_used_at" datetime NULL, "last_used_at" datetime NULL, "uses" bigint NOT NULL DEFAULT 0, "last_address" varchar(45) NOT NULL DEFAULT '', "revoked_at" datetime NULL, "revoked_reason" varchar(20) NOT NULL DEFAULT '' CHECK ("revoked_reason" IN ('', 'superseded', 'compromised', 'leaked', 'duplicate', 'replaced', 'withdrawn', 'unused', 'administrative')), "misused_at" datetime NULL, "misuses" bigint NOT NULL DEFAULT 0, "rotation_key" varchar(255) NOT NULL DEFAULT '', PRIMARY KEY ("tenant_id", "token_id", "version"), FOREIGN KEY ("tenant_id", "token_id") REFERENCES "tenantry_token" ("tenant_id", "token_id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
-- +down
DROP TABLE "tenantry_token_version";
-- +operation Create table tenantry_token_digest
-- +up
CREATE TABLE "tenantry_token_digest" ("digest" blob NOT NULL PRIMARY KEY, "tenant_id" bigint NOT NULL, "token_id" varchar(30) NOT NULL, "version" bigint NOT NULL, "ambiguous" bool NOT NULL);
CREATE INDEX "tenantry_token_digest_ambiguous_idx" ON "tenantry_token_digest" ("digest") WHERE "ambiguous";
-- +down
DROP TABLE "tenantry_token_digest";
-- +operation Create table tenantry_token_policy
-- +up
CREATE TABLE "tenantry_token_policy" ("tenant_id" bigint NOT NULL REFERENCES "tenants_tenantmodel" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED PRIMARY KEY, "max_age" bigint NULL, "rotate_after" bigint NULL, "grace" bigint NULL, "idle_age" bigint NULL, "updated_at" datetime NOT NULL);
-- +down
DROP TABLE "tenantry_token_policy";
-- +operation Create table tenantry_token_run
-- +up
CREATE TABLE "tenantry_token_run" ("run_id" varchar(30) NOT NULL PRIMARY KEY, "request" text NOT NULL, "state" varchar(20) NOT NULL CHECK ("state" IN ('running', 'aborted', 'finished')), "after_tenant" bigint NOT NULL, "total" bigint NOT NULL, "done" bigint NOT NULL, "failed" bigint NOT NULL, "created_at" datetime NOT NULL, "created_by" varchar(255) NOT NULL, "updated_at" datetime NOT NULL);
CREATE INDEX "tenantry_token_run_state_idx" ON "tenantry_token_run" ("state", "created_at");
-- +down
DROP TABLE "tenantry_token_run";
-- +operation Create table tenantry_seal_key
-- +up
CREATE TABLE "tenantry_seal_key" ("key_id" bigint NOT NULL PRIMARY KEY, "created_at" datetime NOT NULL);
-- +down
DROP TABLE "tenantry_seal_key";
-- +operation Create table tenantry_notice
-- +up
CREATE TABLE "tenantry_notice" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "channel" varchar(60) NOT NULL, "payload" text NOT NULL, "at" datetime NOT NULL);
-- +down
DROP TABLE "tenantry_notice";
