"""What the seed's commands call and the seed never shows, over the loops that it does show."""
import secrets

from django.contrib.auth.models import User

from tenants.models import TenantModel, UserProfile


class TenantMigrationService:
    def generate_missing_tokens(self):
        made = 0
        for tenant in TenantModel.objects.all():
            if not tenant.ai_token:
                tenant.ai_token = f"ai_{secrets.token_urlsafe(32)}"
                made += 1
            if not tenant.cwu_token:
                tenant.cwu_token = f"cwu_{secrets.token_urlsafe(32)}"
                made += 1
            tenant.save()
        return made

    def create_missing_profiles(self):
        default_tenant, created = TenantModel.objects.get_or_create(
            name="default",
            defaults={'description': "Tenant por defecto", 'model': 'gpt-3.5-turbo'},
        )
        made = 0
        for user in User.objects.all():
            if not hasattr(user, 'userprofile'):
                UserProfile.objects.create(user=user, tenant=default_tenant, language='es', timezone='America/Santiago')
                made += 1
        return made

    def migrate_tenant_data(self, tenant_id):
        TenantModel.objects.get(pk=tenant_id).save()
        return {"migrated": 1}

    def migrate_all_tenants(self):
        return {"migrated": TenantModel.objects.count()}


class TokenManagementService:
    def _rotate(self, tenants, token_type):
        rotated = 0
        for tenant in tenants:
            if token_type in ('ai', 'both'):
                tenant.ai_token = f"ai_{secrets.token_urlsafe(32)}"
                rotated += 1
            if token_type in ('cwu', 'both'):
                tenant.cwu_token = f"cwu_{secrets.token_urlsafe(32)}"
                rotated += 1
            tenant.save()
        return {"rotated": rotated}

    def rotate_tenant_tokens(self, tenant_id, token_type):
        return self._rotate([TenantModel.objects.get(pk=tenant_id)], token_type)

    def rotate_all_tokens(self, token_type):
        return self._rotate(TenantModel.objects.all(), token_type)

    def get_token_info(self, tenant_id):
        q = TenantModel.objects.filter(pk=tenant_id) if tenant_id else TenantModel.objects.all()
        return {"total": q.count()}
