"""Imports point one way, and each room knows what its floor allows."""

from graphlib import TopologicalSorter

import grimp
import pytest

# From high to low: a layer may import those below it; what stands in one layer doesn't know its neighbours.
LAYERS = [
    {"__main__"},
    {"commands", "functions"},
    {"reconciliation", "report", "staging"},
    {"cli", "quality", "raw"},
    {"contracts", "progress"},
    {"kinesis"},
    {"generator", "lake"},
    {"aws", "events"},
    {"config", "requirements"},
    {"errors", "json_reader"},
]
KINESIS_LAYERS = [
    {"source"},
    {"admission", "options", "planning", "reading"},
    {"api"},
    {"parts", "shards"},
    {"offsets"},
]
QUALITY_LAYERS = [
    {"check", "measure"},
    {"baseline", "frames", "thresholds"},
    {"catalogue"},
    {"measures"},
    {"hour"},
    {"metric"},
]
# What Spark calls, or calls Spark.
_WITH_SPARK = {"admission", "source"}
WITHOUT_SPARK = [
    "aws",
    "cli",
    "config",
    "errors",
    "events",
    "generator",
    "json_reader",
    "commands.stop",
    *(f"lake.{module}" for module in ("failures", "lease", "lease_record", "lease_stores", "machine", "outcomes")),
    *(f"lake.{module}" for module in ("stopping", "storage_errors")),
    "lake.untrusted",
    *(f"contracts.{module}" for module in ("column_types", "contract", "evolution", "load", "proposals")),
    "progress.log",
    "requirements",
    *(f"quality.{module}" for module in ("catalogue", "hour", "measures", "metric", "thresholds")),
    "report.masking",
    "report.page",
    *(f"kinesis.{module}" for layer in KINESIS_LAYERS for module in sorted(layer - _WITH_SPARK)),
]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(
        "event_lake", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def broken(imports: grimp.ImportGraph, container: str, layers: list[set[str]]) -> list[tuple[str, str]]:
    found = imports.find_illegal_dependencies_for_layers(
        layers=[grimp.Layer(*layer, independent=True) for layer in layers], containers={container}
    )
    return sorted((dependency.importer, dependency.imported) for dependency in found)


def test_layers_import_only_what_lies_below_them(imports: grimp.ImportGraph) -> None:
    assert broken(imports, "event_lake", LAYERS) == []


def test_no_module_imports_itself_by_way_of_others(imports: grimp.ImportGraph) -> None:
    ours = {module for module in imports.modules if module.partition(".")[0] == "event_lake"}
    graph = {module: imports.find_modules_directly_imported_by(module) & ours for module in ours}
    # Raises CycleError, which names the circle.
    assert set(TopologicalSorter(graph).static_order()) == ours


def test_what_the_driver_plans_and_what_executors_read_know_nothing_of_each_other(imports: grimp.ImportGraph) -> None:
    planning, reading = "event_lake.kinesis.planning", "event_lake.kinesis.reading"
    assert imports.find_shortest_chain(planning, reading, as_packages=True) is None
    assert imports.find_shortest_chain(reading, planning, as_packages=True) is None


@pytest.mark.parametrize("room", ["raw", "staging", "reconciliation", "events"])
def test_kinesis_knows_nothing_of_what_is_made_of_its_records(imports: grimp.ImportGraph, room: str) -> None:
    assert imports.find_shortest_chain("event_lake.kinesis", f"event_lake.{room}", as_packages=True) is None


def test_only_its_job_knows_the_reconciliation(imports: grimp.ImportGraph) -> None:
    inside = imports.find_descendants("event_lake.reconciliation") | {"event_lake.reconciliation"}
    users = {user for module in inside for user in imports.find_modules_that_directly_import(module)} - inside
    assert users == {"event_lake.commands.reconcile", "event_lake.functions"}


def test_within_kinesis_glue_lies_above_plans_plans_above_calls_and_calls_above_values(
    imports: grimp.ImportGraph,
) -> None:
    assert broken(imports, "event_lake.kinesis", KINESIS_LAYERS) == []


def test_within_quality_measures_know_hours_alone_and_counting_knows_no_measure(imports: grimp.ImportGraph) -> None:
    assert broken(imports, "event_lake.quality", QUALITY_LAYERS) == []
    counting = imports.find_descendants("event_lake.quality.frames")
    assert counting
    measures = {"event_lake.quality.measures", "event_lake.quality.catalogue"}
    chains = [imports.find_shortest_chain(module, name, as_packages=True) for module in counting for name in measures]
    assert set(chains) == {None}


def test_every_module_has_its_layer(imports: grimp.ImportGraph) -> None:
    assert imports.find_children("event_lake") == {f"event_lake.{name}" for layer in LAYERS for name in layer}


def test_every_module_of_kinesis_has_its_layer(imports: grimp.ImportGraph) -> None:
    known = {f"event_lake.kinesis.{name}" for layer in KINESIS_LAYERS for name in layer}
    assert imports.find_children("event_lake.kinesis") == known


def test_every_module_of_quality_has_its_layer(imports: grimp.ImportGraph) -> None:
    known = {f"event_lake.quality.{name}" for layer in QUALITY_LAYERS for name in layer}
    assert imports.find_children("event_lake.quality") == known


CLIENTS = {"event_lake.kinesis.api.client", "event_lake.aws.cloudwatch", "event_lake.aws.s3"}


@pytest.mark.parametrize(
    ("package", "importers"),
    [
        ("boto3", CLIENTS),
        (
            "botocore",
            CLIENTS - {"event_lake.aws.cloudwatch"} | {"event_lake.aws.client_config", "event_lake.aws.errors"},
        ),
        ("delta", {"event_lake.lake.tables"}),
        ("orjson", {"event_lake.events.judge"}),
        ("rich", {"event_lake.progress.live"}),
        ("altair", {"event_lake.report.figures", "event_lake.report.page"}),
        ("jinja2", {"event_lake.report.page"}),
        ("vl_convert", {"event_lake.report.page"}),
    ],
)
def test_only_these_modules_import(imports: grimp.ImportGraph, package: str, importers: set[str]) -> None:
    assert imports.find_modules_that_directly_import(package) == importers


@pytest.mark.parametrize("module", WITHOUT_SPARK)
def test_it_runs_where_there_is_no_spark(imports: grimp.ImportGraph, module: str) -> None:
    assert imports.find_shortest_chain(f"event_lake.{module}", "pyspark", as_packages=True) is None


def test_only_what_does_without_it_imports_what_needs_rich(imports: grimp.ImportGraph) -> None:
    assert imports.find_modules_that_directly_import("event_lake.progress.live") == {"event_lake.progress.reporting"}
