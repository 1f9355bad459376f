import secrets

from django.core.management.base import BaseCommand
from django.db import transaction

from tenants.models import TenantModel


class Command(BaseCommand):
    help = 'Generar tokens para tenants'

    def add_arguments(self, parser):
        parser.add_argument('--one-txn', action='store_true', help='as RunPython would: one transaction around the loop')

    def handle(self, *args, **options):
        if options['one_txn']:
            with transaction.atomic():
                n = self.loop()
        else:
            n = self.loop()
        self.stdout.write(self.style.SUCCESS(f'Tokens generados: {n}'))

    def loop(self):  # the seed's loop, with its save() of every tenant
        n = 0
        for tenant in TenantModel.objects.all():
            if not tenant.ai_token:
                tenant.ai_token = f"ai_{secrets.token_urlsafe(32)}"
                n += 1
            if not tenant.cwu_token:
                tenant.cwu_token = f"cwu_{secrets.token_urlsafe(32)}"
                n += 1
            tenant.save()
        return n
