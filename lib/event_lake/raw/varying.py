"""Values that differ from batch to batch, in code that doesn't."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def vary_by_batch(value: Column) -> Column:
    """`value`, a literal of one batch, for rows that have the column `receipt`.

    Spark writes numbers and times into the code that it generates, so a batch's own would be compiled anew with each
    batch, by Java and then by its just-in-time compiler. An element of an array is looked up instead.
    """
    return F.get(F.array(value, value), F.col("receipt").isNull().cast("int"))
