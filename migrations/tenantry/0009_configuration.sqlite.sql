-- Configuration by type: what stood in Django's rows before, and by what it is judged.
-- Django's table holds what is in force; these keep its course.
--
-- Versions have no foreign key: a tenant that Django deletes leaves them behind, and its
-- number is never given again.
-- +depends tenantry.0008_sessions
-- +operation Create table tenantry_configuration_version
-- +up
CREATE TABLE "tenantry_configuration_version" ("tenant_id" bigint NOT NULL, "config_type" varchar(50) NOT NULL, "version" bigint NOT NULL, "data" text NULL, "changed_at" datetime NOT NULL, "changed_by" varchar(255) NOT NULL, "note" varchar(1000) NOT NULL DEFAULT '', PRIMARY KEY ("tenant_id", "config_type", "version"));
-- +down
DROP TABLE "tenantry_configuration_version";
-- +operation Create table tenantry_configuration_schema
-- +up
CREATE TABLE "tenantry_configuration_schema" ("config_type" varchar(50) NOT NULL PRIMARY KEY, "schema" text NOT NULL, "updated_at" datetime NOT NULL, "updated_by" varchar(255) NOT NULL);
-- +down
DROP TABLE "tenantry_configuration_schema";
