from django.core.management.base import BaseCommand  # the seed forgets it


class Command(BaseCommand):
    help = 'Gestionar tokens de tenants'

    def add_arguments(self, parser):
        parser.add_argument(
            '--rotate',
            action='store_true',
            help='Rotar tokens existentes'
        )
        parser.add_argument(
            '--tenant-id',
            type=int,
            help='ID del tenant específico'
        )
        parser.add_argument(
            '--token-type',
            choices=['ai', 'cwu', 'both'],
            default='both',
            help='Tipo de token a gestionar'
        )

    def handle(self, *args, **options):
        from tenants.services import TokenManagementService

        service = TokenManagementService()

        if options['rotate']:
            if options['tenant_id']:
                result = service.rotate_tenant_tokens(
                    options['tenant_id'],
                    options['token_type']
                )
            else:
                result = service.rotate_all_tokens(options['token_type'])

            self.stdout.write(
                self.style.SUCCESS(f'Tokens rotados: {result["rotated"]}')
            )
        else:
            # Mostrar información de tokens
            info = service.get_token_info(options['tenant_id'])
            self.stdout.write(f'Información de tokens: {info}')
