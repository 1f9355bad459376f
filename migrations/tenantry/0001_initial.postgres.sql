-- What Tenantry keeps beside Django's tables. Django's own are never altered; a row
-- here that refers to one of theirs goes when theirs does.
--
-- tenantry_tenant and tenantry_user are directories, one row for each of Django's:
-- global, so that a public id finds its tenant. Tables that tenants own begin
-- their keys with tenant_id (docs/data.md).
-- +depends tenants.0005_tenantconfigurationmodel auth.0012_alter_user_first_name_max_length contenttypes.0002_remove_content_type_name
-- +operation Create table tenantry_model
-- +up
CREATE TABLE "tenantry_model" ("name" varchar(100) NOT NULL PRIMARY KEY, "label" varchar(255) NOT NULL, "provider" varchar(50) NOT NULL, "enabled" boolean NOT NULL, "position" integer NOT NULL);
INSERT INTO "tenantry_model" ("name", "label", "provider", "enabled", "position") VALUES ('gpt-3.5-turbo', 'GPT-3.5 Turbo', 'openai', true, 1), ('gpt-4', 'GPT-4', 'openai', true, 2), ('gpt-4-turbo', 'GPT-4 Turbo', 'openai', true, 3), ('claude-3-haiku', 'Claude 3 Haiku', 'anthropic', true, 4), ('claude-3-sonnet', 'Claude 3 Sonnet', 'anthropic', true, 5), ('claude-3-opus', 'Claude 3 Opus', 'anthropic', true, 6);
-- +down
DROP TABLE "tenantry_model";
-- +operation Create table tenantry_tenant
-- +up
CREATE TABLE "tenantry_tenant" ("tenant_id" bigint NOT NULL PRIMARY KEY REFERENCES "tenants_tenantmodel" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "public_id" varchar(30) NOT NULL UNIQUE, "status" varchar(20) NOT NULL CHECK ("status" IN ('active', 'pending', 'suspended', 'deleting', 'quarantined')), "status_reason" text NOT NULL, "status_at" timestamp with time zone NOT NULL, "approved_at" timestamp with time zone NULL, "approved_by" varchar(255) NOT NULL, "delete_after" timestamp with time zone NULL);
CREATE INDEX "tenantry_tenant_delete_after_idx" ON "tenantry_tenant" ("delete_after") WHERE "delete_after" IS NOT NULL;
CREATE INDEX "tenantry_tenant_status_idx" ON "tenantry_tenant" ("status", "tenant_id");
-- +down
DROP TABLE "tenantry_tenant";
-- +operation Create table tenantry_user
-- +up
CREATE TABLE "tenantry_user" ("user_id" bigint NOT NULL PRIMARY KEY REFERENCES "auth_user" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "public_id" varchar(30) NOT NULL UNIQUE);
-- +down
DROP TABLE "tenantry_user";
-- +operation Create table tenantry_membership
-- +up
CREATE TABLE "tenantry_membership" ("tenant_id" bigint NOT NULL REFERENCES "tenantry_tenant" ("tenant_id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "tenantry_user" ("user_id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "role" varchar(30) NOT NULL, "created_at" timestamp with time zone NOT NULL, PRIMARY KEY ("tenant_id", "user_id"));
CREATE INDEX "tenantry_membership_user_id_idx" ON "tenantry_membership" ("user_id");
-- +down
DROP TABLE "tenantry_membership";
-- +operation Create table tenantry_operator
-- +up
CREATE TABLE "tenantry_operator" ("operator_id" varchar(30) NOT NULL PRIMARY KEY, "name" varchar(150) NOT NULL UNIQUE, "key_digest" varchar(64) NOT NULL UNIQUE, "key_display" varchar(20) NOT NULL, "created_at" timestamp with time zone NOT NULL, "created_by" varchar(255) NOT NULL, "last_used_at" timestamp with time zone NULL, "revoked_at" timestamp with time zone NULL);
-- +down
DROP TABLE "tenantry_operator";
-- +operation Create table tenantry_audit
-- +up
CREATE TABLE "tenantry_audit" ("tenant_id" bigint NOT NULL, "event_id" varchar(30) NOT NULL, "at" timestamp with time zone NOT NULL, "actor_kind" varchar(20) NOT NULL, "actor_id" varchar(100) NOT NULL, "actor_name" varchar(255) NOT NULL, "action" varchar(60) NOT NULL, "subject" varchar(100) NOT NULL, "detail" jsonb NOT NULL, PRIMARY KEY ("tenant_id", "event_id"));
-- +down
DROP TABLE "tenantry_audit";
-- +operation Create table tenantry_idempotency
-- +up
CREATE TABLE "tenantry_idempotency" ("tenant_id" bigint NOT NULL, "caller" varchar(100) NOT NULL, "key" varchar(255) NOT NULL, "request_digest" varchar(64) NOT NULL, "status" integer NOT NULL, "header" text NOT NULL, "body" text NOT NULL, "created_at" timestamp with time zone NOT NULL, PRIMARY KEY ("tenant_id", "caller", "key"));
CREATE INDEX "tenantry_idempotency_created_at_idx" ON "tenantry_idempotency" ("created_at");
-- +down
DROP TABLE "tenantry_idempotency";
-- +operation Create table tenantry_instance
-- +up
CREATE TABLE "tenantry_instance" ("name" varchar(100) NOT NULL PRIMARY KEY, "value" text NOT NULL);
-- +down
DROP TABLE "tenantry_instance";
