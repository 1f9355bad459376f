-- +operation Create model ContentType
-- +up
CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(100) NOT NULL, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
-- +down
DROP TABLE "django_content_type";
-- +operation Alter unique_together for contenttype (1 constraint(s))
-- +up
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
-- +down
DROP INDEX "django_content_type_app_label_model_76bd3d3b_uniq";
