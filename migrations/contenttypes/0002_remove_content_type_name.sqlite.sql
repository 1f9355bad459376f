-- Backwards, Django fills "name" with the name of the Python class and falls back
-- to the model; here it is always the model.
-- +depends contenttypes.0001_initial
-- +operation Change Meta options on contenttype
-- +operation Alter field name on contenttype
-- +up
CREATE TABLE "new__django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL, "name" varchar(100) NULL);
INSERT INTO "new__django_content_type" ("id", "app_label", "model", "name") SELECT "id", "app_label", "model", "name" FROM "django_content_type";
DROP TABLE "django_content_type";
ALTER TABLE "new__django_content_type" RENAME TO "django_content_type";
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
-- +down
CREATE TABLE "new__django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(100) NOT NULL, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
INSERT INTO "new__django_content_type" ("id", "app_label", "model", "name") SELECT "id", "app_label", "model", coalesce("name", NULL) FROM "django_content_type";
DROP TABLE "django_content_type";
ALTER TABLE "new__django_content_type" RENAME TO "django_content_type";
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
-- +operation Raw Python operation
-- +down
UPDATE "django_content_type" SET "name" = "model";
-- +operation Remove field name from contenttype
-- +up
ALTER TABLE "django_content_type" DROP COLUMN "name";
-- +down
ALTER TABLE "django_content_type" ADD COLUMN "name" varchar(100) NULL;
