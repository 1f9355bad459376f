from django.contrib.auth.models import User
from django.db import models


class TenantModel(models.Model):
    MODEL_CHOICES = [
        ('gpt-3.5-turbo', 'GPT-3.5 Turbo'),
        ('gpt-4', 'GPT-4'),
        ('gpt-4-turbo', 'GPT-4 Turbo'),
        ('claude-3-haiku', 'Claude 3 Haiku'),
        ('claude-3-sonnet', 'Claude 3 Sonnet'),
        ('claude-3-opus', 'Claude 3 Opus'),
    ]

    name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True)
    model = models.CharField(max_length=100, choices=MODEL_CHOICES)

    # Tokens de autenticación
    ai_token = models.CharField(max_length=255, blank=True)
    cwu_token = models.CharField(max_length=255, blank=True)

    # Configuración
    configuration = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)

    # Límites y cuotas
    max_agents = models.IntegerField(default=10)
    max_documents = models.IntegerField(default=1000)
    max_storage_mb = models.IntegerField(default=1000)

    # Auditoría
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "Tenant"
        verbose_name_plural = "Tenants"
        indexes = [
            models.Index(fields=['name']),
            models.Index(fields=['is_active']),
        ]


class UserProfile(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE)
    tenant = models.ForeignKey(TenantModel, on_delete=models.CASCADE)

    # Información personal
    phone = models.CharField(max_length=20, blank=True)
    avatar = models.ImageField(upload_to='avatars/', blank=True)
    bio = models.TextField(blank=True)

    # Configuración
    language = models.CharField(max_length=10, default='es')
    timezone = models.CharField(max_length=50, default='UTC')
    notifications_enabled = models.BooleanField(default=True)

    # Permisos
    is_tenant_admin = models.BooleanField(default=False)
    permissions = models.JSONField(default=dict)

    # Auditoría
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "Perfil de Usuario"
        verbose_name_plural = "Perfiles de Usuario"
        unique_together = ['user', 'tenant']


class TenantConfigurationModel(models.Model):
    tenant = models.ForeignKey(TenantModel, on_delete=models.CASCADE)
    config_type = models.CharField(max_length=50)
    config_data = models.JSONField()

    class Meta:
        verbose_name = "Configuración de Tenant"
        verbose_name_plural = "Configuraciones de Tenant"
