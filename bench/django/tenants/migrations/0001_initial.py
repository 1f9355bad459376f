from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='TenantModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255, unique=True)),
                ('description', models.TextField(blank=True)),
                ('model', models.CharField(max_length=50)),
                ('configuration', models.JSONField(default=dict)),
                ('is_active', models.BooleanField(default=True)),
                ('max_agents', models.IntegerField(default=10)),
                ('max_documents', models.IntegerField(default=1000)),
                ('max_storage_mb', models.IntegerField(default=1000)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name': 'Tenant',
                'verbose_name_plural': 'Tenants',
                'indexes': [
                    models.Index(fields=['name'], name='tenants_ten_name_7345e4_idx'),
                    models.Index(fields=['is_active'], name='tenants_ten_is_acti_589a5f_idx'),
                ],
            },
        ),
    ]
