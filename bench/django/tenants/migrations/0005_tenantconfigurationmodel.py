import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('tenants', '0004_alter_tenantmodel_model')]

    operations = [
        migrations.CreateModel(
            name='TenantConfigurationModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('config_type', models.CharField(max_length=50)),
                ('config_data', models.JSONField()),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenantmodel')),
            ],
            options={
                'verbose_name': 'Configuración de Tenant',
                'verbose_name_plural': 'Configuraciones de Tenant',
            },
        ),
    ]
