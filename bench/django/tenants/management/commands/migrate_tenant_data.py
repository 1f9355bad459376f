from django.core.management.base import BaseCommand
from tenants.services import TenantMigrationService

class Command(BaseCommand):
    help = 'Migrar datos de tenants'

    def add_arguments(self, parser):
        parser.add_argument(
            '--tenant-id',
            type=int,
            help='ID del tenant específico a migrar'
        )
        parser.add_argument(
            '--generate-tokens',
            action='store_true',
            help='Generar tokens para tenants sin tokens'
        )
        parser.add_argument(
            '--create-profiles',
            action='store_true',
            help='Crear perfiles para usuarios sin perfil'
        )

    def handle(self, *args, **options):
        service = TenantMigrationService()

        if options['generate_tokens']:
            generated = service.generate_missing_tokens()
            self.stdout.write(
                self.style.SUCCESS(f'Tokens generados: {generated}')
            )

        if options['create_profiles']:
            created = service.create_missing_profiles()
            self.stdout.write(
                self.style.SUCCESS(f'Perfiles creados: {created}')
            )

        if options['tenant_id']:
            result = service.migrate_tenant_data(options['tenant_id'])
        else:
            result = service.migrate_all_tenants()

        self.stdout.write(
            self.style.SUCCESS(f'Migrados {result["migrated"]} tenants')
        )
