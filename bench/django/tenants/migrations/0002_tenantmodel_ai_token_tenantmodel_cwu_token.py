from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('tenants', '0001_initial')]

    operations = [
        migrations.AddField('tenantmodel', 'ai_token', models.CharField(blank=True, default='', max_length=255), preserve_default=False),
        migrations.AddField('tenantmodel', 'cwu_token', models.CharField(blank=True, default='', max_length=255), preserve_default=False),
    ]
