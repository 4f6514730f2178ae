"""Write the tables of settings into the pages: `python -m trace_clustering_tests.books`."""

from trace_clustering_tests.books.tables import PAGES, fill_tables

for page in PAGES:
    page.write_text(fill_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
