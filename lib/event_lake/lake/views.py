"""Define the views that analysts find beside the tables in a catalog. Pure.

They show what the tables show, personal data included: nobody should get rights to a view who hasn't those to its
tables. docs/how-to/athena.md has them in the SQL of Athena, which doesn't take Spark's views.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from event_lake.lake.columns import VIEW_MEANINGS, VIEW_ROWS


@dataclass(frozen=True)
class View:
    """A view: its `name`, and its `template`, a query in which `{schema}` and `{columns}` stand for what they say."""

    name: str
    template: str

    def query(self, schema: str) -> str:
        """Return the query over the tables in `schema`, whose name is quoted as it has to be."""
        return self.template.replace("{schema}", schema).replace("{columns}", ", ".join(self.comments))

    @property
    def comment(self) -> str:
        """Return what a row of the view is."""
        return VIEW_ROWS[self.name]

    @property
    def comments(self) -> Mapping[str, str]:
        """Return what the columns hold, in their order."""
        return VIEW_MEANINGS[self.name]

    @property
    def fingerprint(self) -> str:
        """Return a text that is another one for each definition of the view, comments included."""
        definition = repr((self.name, self.template, self.comment, list(self.comments.items())))
        return hashlib.sha256(definition.encode()).hexdigest()[:16]


# All engines take this as it is. The order is that of `staging.keep = "latest"` (`staging.versions`). Only events with
# several versions are ordered, and a filter of `date` is one of both halves.
EVENTS_LATEST = View(
    "events_latest",
    """\
with conflicting as (
  select distinct date, true_event_type, event_uuid from {schema}.staging_conflicts
),
version as (
  select {columns}
  from {schema}.staging_events as event
  where exists (
    select 1 from conflicting
    where conflicting.date = event.date and conflicting.true_event_type = event.true_event_type
      and conflicting.event_uuid = event.event_uuid
  )
  union all
  select {columns}
  from {schema}.staging_conflicts
),
ranked as (
  select {columns},
    row_number() over (
      partition by date, true_event_type, event_uuid
      order by created_at desc, arrived_at desc, length(sequence_number) desc, sequence_number desc,
        sub_sequence_number desc, shard_id desc, stream desc
    ) as place
  from version
)
select {columns}
from {schema}.staging_events as event
where not exists (
  select 1 from conflicting
  where conflicting.date = event.date and conflicting.true_event_type = event.true_event_type
    and conflicting.event_uuid = event.event_uuid
)
union all
select {columns}
from ranked
where place = 1""",
)
QUARANTINE_READABLE = View(
    "quarantine_readable",
    """\
with said as (
  select *, is_valid_utf8(string(data)) as is_text, array_join(reasons, ', ') as all_reasons
  from {schema}.raw_quarantine
),
shown as (
  select * except (reasons, is_text, all_reasons),
    if(is_text, string(data), base64(data)) as content,
    if(is_text, 'text', 'base64') as encoding,
    all_reasons as reasons
  from said
)
select {columns}
from shown""",
)
# The views over the tables that ingest_raw writes, and over those of build_staging.
RAW = (QUARANTINE_READABLE,)
STAGING = (EVENTS_LATEST,)
