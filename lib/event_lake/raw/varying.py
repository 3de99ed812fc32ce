"""Keep values that differ from batch to batch out of the code that Spark generates for a batch."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def vary_by_batch(value: Column) -> Column:
    """Return a column with the same values as `value`, a literal of one batch. The rows have a column `receipt`.

    Spark writes a literal number or time into the Java code that it generates for a batch's plan. Code that differs
    from the last batch's is compiled anew, by Java and then by its just-in-time compiler. An element of an array is
    looked up when the code runs.
    """
    return F.get(F.array(value, value), F.col("receipt").isNull().cast("int"))
