import django.db.models.deletion
import evidence.models
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('complaints', '0005_list_of_a_platform'),
        ('evidence', '0002_initial'),
        ('merchants', '0003_visits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CannedReply',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=60, verbose_name='title')),
                ('text', models.TextField(verbose_name='text')),
                ('method', models.CharField(blank=True, choices=[('fund_refund', 'refund from the guarantee deposit'), ('other_refund', 'refunded in another way'), ('shipped', 'shipped'), ('other', 'other'), ('after_sales', 'after-sales service done'), ('not_liable', 'not our responsibility')], max_length=16, verbose_name='way of handling')),
                ('refund', models.CharField(blank=True, choices=[('asked', 'what the consumer asks for'), ('trade', 'the whole trade')], max_length=8, verbose_name='refund')),
                ('changed_by', models.CharField(max_length=200, verbose_name='changed by')),
                ('changed_at', models.DateTimeField(verbose_name='changed at')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant', verbose_name='merchant')),
                ('pictures', models.ManyToManyField(blank=True, related_name='+', to='evidence.evidence', verbose_name='pictures')),
            ],
            options={
                'verbose_name': 'canned reply',
                'verbose_name_plural': 'canned replies',
            },
        ),
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('form', models.CharField(choices=[('handling', 'handling'), ('message', 'message'), ('note', 'note')], max_length=16, verbose_name='form')),
                ('fields', models.JSONField(verbose_name='fields')),
                ('saved_at', models.DateTimeField(verbose_name='saved at')),
                ('complaint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='complaints.complaint', verbose_name='complaint')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'draft',
                'verbose_name_plural': 'drafts',
            },
        ),
        migrations.CreateModel(
            name='Export',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('format', models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'XLSX')], max_length=8, verbose_name='format')),
                ('query', models.CharField(blank=True, max_length=1000, verbose_name='filters')),
                ('language', models.CharField(max_length=10, verbose_name='language')),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('ready', 'ready'), ('failed', 'failed')], default='waiting', max_length=16, verbose_name='status')),
                ('total', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('done', models.PositiveIntegerField(default=0, verbose_name='rows written')),
                ('file', models.FileField(blank=True, max_length=200, storage=evidence.models.evidence_files, upload_to='', verbose_name='file')),
                ('failures', models.PositiveSmallIntegerField(default=0, verbose_name='failures')),
                ('asked_at', models.DateTimeField(verbose_name='asked at')),
                ('beaten_at', models.DateTimeField(blank=True, null=True, verbose_name='last sign of life')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant', verbose_name='merchant')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'export',
                'verbose_name_plural': 'exports',
            },
        ),
        migrations.CreateModel(
            name='InternalLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('note', 'note'), ('assign', 'assignment'), ('reveal', 'name and phone shown')], max_length=16, verbose_name='kind')),
                ('actor_id', models.BigIntegerField(null=True)),
                ('actor_name', models.CharField(max_length=200, verbose_name='who')),
                ('text', models.TextField(blank=True, verbose_name='text')),
                ('assignee_name', models.CharField(blank=True, max_length=200, verbose_name='assigned to')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('complaint', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='internal_lines', to='complaints.complaint', verbose_name='complaint')),
            ],
            options={
                'verbose_name': 'internal line',
                'verbose_name_plural': 'internal lines',
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, verbose_name='name')),
                ('query', models.CharField(max_length=1000, verbose_name='filters')),
                ('changed_by', models.CharField(max_length=200, verbose_name='changed by')),
                ('changed_at', models.DateTimeField(verbose_name='changed at')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant', verbose_name='merchant')),
                ('owner', models.ForeignKey(blank=True, help_text='Empty when shared.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
            ],
            options={
                'verbose_name': 'saved view',
                'verbose_name_plural': 'saved views',
            },
        ),
        migrations.AddConstraint(
            model_name='cannedreply',
            constraint=models.UniqueConstraint(fields=('merchant', 'title'), name='one_canned_reply_of_a_title_per_merchant'),
        ),
        migrations.AddConstraint(
            model_name='cannedreply',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('method__in', ('fund_refund', 'other_refund')), ('refund__in', ['asked', 'trade'])), models.Q(models.Q(('method__in', ('fund_refund', 'other_refund')), _negated=True), ('refund', '')), _connector='OR'), name='a_canned_refund_says_how_much'),
        ),
        migrations.AddConstraint(
            model_name='draft',
            constraint=models.UniqueConstraint(fields=('user', 'complaint', 'form'), name='one_draft_per_form_and_member'),
        ),
        migrations.AddIndex(
            model_name='export',
            index=models.Index(condition=models.Q(('status__in', ['waiting', 'running'])), fields=['asked_at'], name='export_to_make'),
        ),
        migrations.AddConstraint(
            model_name='export',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['waiting', 'running'])), fields=('merchant', 'user'), name='one_export_at_a_time_per_member'),
        ),
        migrations.AddIndex(
            model_name='internalline',
            index=models.Index(fields=['complaint', 'at', 'id'], name='internal_line_by_complaint'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='internalline',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='cebd117e09ac2f67a8b7253368d4b4880b97dece', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_9a11d', table='complaints_internalline', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(condition=models.Q(('owner__isnull', False)), fields=('merchant', 'owner', 'name'), name='one_own_view_of_a_name'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(condition=models.Q(('owner', None)), fields=('merchant', 'name'), name='one_shared_view_of_a_name'),
        ),
        # Last: from here on the complaints are locked until the migration ends.
        migrations.AddField(
            model_name='complaint',
            name='assignee',
            field=models.ForeignKey(blank=True, db_index=False, help_text='The member who works on it; nobody once that member is removed.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='merchants.membership', verbose_name='assigned to'),
        ),
        migrations.AddIndex(
            model_name='complaint',
            index=models.Index(condition=models.Q(('assignee__isnull', False)), fields=['assignee', 'handle_by', 'id'], name='complaint_by_assignee'),
        ),
    ]
