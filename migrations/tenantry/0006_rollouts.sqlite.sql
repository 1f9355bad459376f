-- Rollouts: a data migration that is carried out over the tenants, wave by wave. What
-- is done, by whom and with what outcome is data; processes come and go.
--
-- An item outlives its tenant, so that a tenant that was removed in the middle is
-- accounted for; it has no foreign key. Item 0 is the platform's.
-- +depends tenantry.0005_register_tokens
-- +operation Create table tenantry_rollout
-- +up
CREATE TABLE "tenantry_rollout" ("run_id" varchar(30) NOT NULL PRIMARY KEY, "step" varchar(100) NOT NULL, "step_version" bigint NOT NULL, "step_sum" varchar(100) NOT NULL, "only_tenant" bigint NOT NULL, "reverts" varchar(30) NOT NULL DEFAULT '', "options" text NOT NULL, "state" varchar(20) NOT NULL CHECK ("state" IN ('running', 'paused', 'stopped', 'finished', 'cancelled')), "wave" bigint NOT NULL, "claimed" bigint NOT NULL, "code" varchar(100) NOT NULL DEFAULT '', "cause" text NOT NULL DEFAULT '', "created_at" datetime NOT NULL, "created_by" varchar(255) NOT NULL, "updated_at" datetime NOT NULL, "ended_at" datetime NULL);
CREATE UNIQUE INDEX "tenantry_rollout_open_idx" ON "tenantry_rollout" ("step", "only_tenant") WHERE "ended_at" IS NULL;
CREATE INDEX "tenantry_rollout_step_idx" ON "tenantry_rollout" ("step", "created_at");
-- +down
DROP TABLE "tenantry_rollout";
-- +operation Create table tenantry_rollout_wave
-- +up
CREATE TABLE "tenantry_rollout_wave" ("run_id" varchar(30) NOT NULL REFERENCES "tenantry_rollout" ("run_id") ON DELETE CASCADE, "wave" bigint NOT NULL, "items" bigint NOT NULL, "done" bigint NOT NULL DEFAULT 0, "unchanged" bigint NOT NULL DEFAULT 0, "failed" bigint NOT NULL DEFAULT 0, "gone" bigint NOT NULL DEFAULT 0, "changes" bigint NOT NULL DEFAULT 0, "tolerated" bigint NOT NULL DEFAULT 0, "started_at" datetime NULL, "ended_at" datetime NULL, PRIMARY KEY ("run_id", "wave"));
-- +down
DROP TABLE "tenantry_rollout_wave";
-- +operation Create table tenantry_rollout_item
-- +up
CREATE TABLE "tenantry_rollout_item" ("tenant_id" bigint NOT NULL, "run_id" varchar(30) NOT NULL, "wave" bigint NOT NULL, "state" varchar(20) NOT NULL CHECK ("state" IN ('waiting', 'done', 'unchanged', 'quarantined', 'gone')), "attempts" bigint NOT NULL DEFAULT 0, "changes" bigint NOT NULL DEFAULT 0, "position" text NOT NULL DEFAULT '', "code" varchar(100) NOT NULL DEFAULT '', "cause" text NOT NULL DEFAULT '', "updated_at" datetime NULL, PRIMARY KEY ("tenant_id", "run_id"));
CREATE INDEX "tenantry_rollout_item_wave_idx" ON "tenantry_rollout_item" ("run_id", "wave", "tenant_id");
-- +down
DROP TABLE "tenantry_rollout_item";
-- +operation Create table tenantry_rollout_attempt
-- +up
CREATE TABLE "tenantry_rollout_attempt" ("tenant_id" bigint NOT NULL, "run_id" varchar(30) NOT NULL, "attempt" bigint NOT NULL, "node" varchar(255) NOT NULL, "code" varchar(100) NOT NULL, "cause" text NOT NULL, "started_at" datetime NOT NULL, "ended_at" datetime NOT NULL, PRIMARY KEY ("tenant_id", "run_id", "attempt"));
-- +down
DROP TABLE "tenantry_rollout_attempt";
-- +operation Create table tenantry_rollout_change
-- +up
CREATE TABLE "tenantry_rollout_change" ("tenant_id" bigint NOT NULL, "run_id" varchar(30) NOT NULL, "part" bigint NOT NULL, "undo" text NOT NULL, PRIMARY KEY ("tenant_id", "run_id", "part"));
-- +down
DROP TABLE "tenantry_rollout_change";
-- +operation Create table tenantry_rollout_lease
-- +up
CREATE TABLE "tenantry_rollout_lease" ("run_id" varchar(30) NOT NULL REFERENCES "tenantry_rollout" ("run_id") ON DELETE CASCADE, "wave" bigint NOT NULL, "first_tenant" bigint NOT NULL, "last_tenant" bigint NOT NULL, "node" varchar(255) NOT NULL, "beat" bigint NOT NULL, "done" bigint NOT NULL DEFAULT 0, "unchanged" bigint NOT NULL DEFAULT 0, "failed" bigint NOT NULL DEFAULT 0, "gone" bigint NOT NULL DEFAULT 0, "changes" bigint NOT NULL DEFAULT 0, PRIMARY KEY ("run_id", "wave", "first_tenant"));
-- +down
DROP TABLE "tenantry_rollout_lease";
