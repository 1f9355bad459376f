"""What a Django process does on a database that Tenantry made: it says what it
reads, then writes rows of its own."""
import datetime
import json

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from tenants.models import TenantConfigurationModel, TenantModel, UserProfile  # noqa: E402


def row(instance, *fields):
    values = {f: getattr(instance, f) for f in fields}
    return {f: v.isoformat() if isinstance(v, datetime.datetime) else v for f, v in values.items()}


print(json.dumps({
    "tenants": [row(t, "id", "name", "description", "model", "configuration", "is_active", "max_agents", "created_at", "updated_at")
                for t in TenantModel.objects.order_by("id")],
    "users": [dict(row(u, "id", "username", "email", "first_name", "is_active", "last_login", "date_joined"), password=u.check_password("correcto caballo"))
              for u in User.objects.order_by("id")],
    "profiles": [row(p, "tenant_id", "user_id", "language", "timezone", "notifications_enabled", "is_tenant_admin", "permissions")
                 for p in UserProfile.objects.select_related("tenant", "user").order_by("id")],
    # JSON and booleans in a WHERE, where a value that only looks right fails.
    "found": TenantModel.objects.filter(configuration__limits__deep="sí", is_active=False).count(),
}))

tenant = TenantModel.objects.create(
    name="De Django — ñ 東京", description="escrito por Django", model="gpt-4", is_active=False, max_agents=3,
    configuration={"ñ": [1, 2.5, None, True], "b": {"c": "東京"}})
user = User.objects.create_user("diego", "diego@example.com", "otra batería", first_name="Diego")
UserProfile.objects.create(user=user, tenant=tenant, is_tenant_admin=True, notifications_enabled=False, permissions={"can_create_agents": True})
TenantConfigurationModel.objects.create(tenant=tenant, config_type="limits", config_data={"a": 1})
