from django.db import migrations, models

NUMBER = """
    CREATE OR REPLACE FUNCTION event_number(xid8) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1::text::bigint + 0'
"""


class Migration(migrations.Migration):
    """Let events be numbered by a function of the database, which a restored backup can make go on from higher up."""

    dependencies = [
        ('notifications', '0005_by_moment'),
    ]

    operations = [
        migrations.RunSQL(NUMBER, 'DROP FUNCTION event_number(xid8)'),
        migrations.AlterField(
            model_name='event',
            name='transaction',
            field=models.BigIntegerField(db_default=models.Func(models.Func(function='pg_current_xact_id'), function='event_number', output_field=models.BigIntegerField())),
        ),
    ]
