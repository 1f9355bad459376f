-- Sessions: people who are signed in, the secrets that work once, and how often
-- somebody has tried.
--
-- A session and a link belong to a person, who may be of many tenants, so these
-- tables are global; active_tenant is where somebody works at this moment. Only digests of secrets stand here. tenantry_link is the directory
-- of one-time secrets, by which one finds its person or its invitation.
-- +depends tenantry.0007_access
-- +operation Create table tenantry_session
-- +up
CREATE TABLE "tenantry_session" ("session_id" varchar(30) NOT NULL PRIMARY KEY, "user_id" bigint NOT NULL REFERENCES "auth_user" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "person" varchar(30) NOT NULL, "active_tenant" bigint NOT NULL, "mark" varchar(64) NOT NULL, "address" varchar(45) NOT NULL, "device" varchar(255) NOT NULL, "created_at" datetime NOT NULL, "seen_at" datetime NOT NULL, "expires_at" datetime NOT NULL, "ended_at" datetime NULL, "end_reason" varchar(20) NOT NULL DEFAULT '' CHECK ("end_reason" IN ('', 'signed_out', 'everywhere', 'revoked', 'password', 'inactive', 'reuse', 'expired')));
CREATE INDEX "tenantry_session_user_idx" ON "tenantry_session" ("user_id", "session_id");
CREATE INDEX "tenantry_session_expires_idx" ON "tenantry_session" ("expires_at");
-- +down
DROP TABLE "tenantry_session";
-- +operation Create table tenantry_session_secret
-- +up
CREATE TABLE "tenantry_session_secret" ("digest" varchar(64) NOT NULL PRIMARY KEY, "session_id" varchar(30) NOT NULL REFERENCES "tenantry_session" ("session_id") ON DELETE CASCADE, "created_at" datetime NOT NULL, "replaced_at" datetime NULL);
CREATE INDEX "tenantry_session_secret_session_idx" ON "tenantry_session_secret" ("session_id");
-- +down
DROP TABLE "tenantry_session_secret";
-- +operation Create table tenantry_link
-- +up
CREATE TABLE "tenantry_link" ("digest" varchar(64) NOT NULL PRIMARY KEY, "purpose" varchar(20) NOT NULL CHECK ("purpose" IN ('password', 'invitation')), "user_id" bigint NULL REFERENCES "auth_user" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "active_tenant" bigint NOT NULL DEFAULT 0, "subject" varchar(30) NOT NULL DEFAULT '', "mark" varchar(64) NOT NULL DEFAULT '', "created_at" datetime NOT NULL, "expires_at" datetime NOT NULL, "used_at" datetime NULL);
CREATE INDEX "tenantry_link_user_idx" ON "tenantry_link" ("user_id");
CREATE INDEX "tenantry_link_subject_idx" ON "tenantry_link" ("subject");
CREATE INDEX "tenantry_link_expires_idx" ON "tenantry_link" ("expires_at");
-- +down
DROP TABLE "tenantry_link";
-- +operation Create table tenantry_attempt
-- +up
CREATE TABLE "tenantry_attempt" ("subject" varchar(100) NOT NULL PRIMARY KEY, "failures" bigint NOT NULL, "blocked_until" datetime NULL, "updated_at" datetime NOT NULL);
CREATE INDEX "tenantry_attempt_updated_idx" ON "tenantry_attempt" ("updated_at");
-- +down
DROP TABLE "tenantry_attempt";
-- +operation Create table tenantry_invitation
-- +up
CREATE TABLE "tenantry_invitation" ("tenant_id" bigint NOT NULL REFERENCES "tenants_tenantmodel" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, "invitation_id" varchar(30) NOT NULL, "email" varchar(254) NOT NULL, "role" varchar(50) NOT NULL, "created_at" datetime NOT NULL, "created_by" varchar(255) NOT NULL, "expires_at" datetime NOT NULL, "accepted_at" datetime NULL, "accepted_by" varchar(30) NOT NULL DEFAULT '', "revoked_at" datetime NULL, PRIMARY KEY ("tenant_id", "invitation_id"));
-- +down
DROP TABLE "tenantry_invitation";
