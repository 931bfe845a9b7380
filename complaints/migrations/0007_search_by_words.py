"""Search complaints by words: two functions that say what is compared, and the indexes that hold it.

The indexes are built beside the intake, without stopping it. So this migration is not one transaction, and may be run
again after it was interrupted.
"""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently, BtreeGinExtension, TrigramExtension
from django.db import migrations, models

import complaints.search

# Normalising costs eight times as much as the rest, so a text of plain Latin, Chinese and their usual signs goes without:
# it would change signs only, and no word has signs. Not in SQL, and the costs stand there, so that the planner neither
# takes the function apart nor believes that it costs nothing: it has to weigh an index against reading rows.
WORDS = r"""
CREATE OR REPLACE FUNCTION complaint_words(dispute_type text, description text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 500
AS $$
DECLARE
    words text := dispute_type || ' ' || description;
BEGIN
    IF words ~ '[^\u0001-\u007f\u2010-\u201f\u2026\u3000-\u301f\u4e00-\u9fff\uff01-\uff0f\uff1a-\uff20]' THEN
        RETURN lower(normalize(words, NFKC));
    END IF;
    RETURN lower(words);
END
$$
"""
# The index drops what is twice in the array; dropping it here as well would cost as much again.
PAIRS = """
CREATE OR REPLACE FUNCTION complaint_pairs(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 4000
BEGIN ATOMIC
    SELECT array_agg(one || two)
    FROM unnest(string_to_array(words, NULL), (string_to_array(words, NULL))[2:]) AS pair(one, two)
    WHERE one <> ' ' AND two <> ' ';
END
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("complaints", "0006_workspace"),
    ]

    operations = [
        TrigramExtension(),
        BtreeGinExtension(),
        migrations.RunSQL(WORDS, "DROP FUNCTION IF EXISTS complaint_words(text, text)"),
        migrations.RunSQL(PAIRS, "DROP FUNCTION IF EXISTS complaint_pairs(text)"),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS complaint_by_words", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="complaint",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("merchant"),
                django.contrib.postgres.indexes.OpClass(complaints.search.ComplaintWords(), name="gin_trgm_ops"),
                name="complaint_by_words",
                gin_pending_list_limit=complaints.search.WAITING_LIMIT,
            ),
        ),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS complaint_by_pairs", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="complaint",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("merchant"),
                complaints.search.ComplaintPairs(),
                name="complaint_by_pairs",
                gin_pending_list_limit=complaints.search.WAITING_LIMIT,
            ),
        ),
    ]
