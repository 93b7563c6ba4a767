from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("attribution", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="referral",
            name="link_id",
            field=models.BigIntegerField(null=True, verbose_name="sharing link"),
        ),
    ]
