from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('tenants', '0003_userprofile')]

    operations = [
        migrations.AlterField('tenantmodel', 'model', models.CharField(choices=[
            ('gpt-3.5-turbo', 'GPT-3.5 Turbo'), ('gpt-4', 'GPT-4'), ('gpt-4-turbo', 'GPT-4 Turbo'),
            ('claude-3-haiku', 'Claude 3 Haiku'), ('claude-3-sonnet', 'Claude 3 Sonnet'), ('claude-3-opus', 'Claude 3 Opus'),
        ], max_length=100)),
    ]
