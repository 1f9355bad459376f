-- Backwards, Django fills "name" with the name of the Python class and falls back
-- to the model; here it is always the model.
-- +depends contenttypes.0001_initial
-- +operation Change Meta options on contenttype
-- +operation Alter field name on contenttype
-- +up
ALTER TABLE "django_content_type" ALTER COLUMN "name" DROP NOT NULL;
-- +down
ALTER TABLE "django_content_type" ALTER COLUMN "name" SET NOT NULL;
-- +operation Raw Python operation
-- +down
UPDATE "django_content_type" SET "name" = "model";
-- +operation Remove field name from contenttype
-- +up
ALTER TABLE "django_content_type" DROP COLUMN "name" CASCADE;
-- +down
ALTER TABLE "django_content_type" ADD COLUMN "name" varchar(100) NULL;
