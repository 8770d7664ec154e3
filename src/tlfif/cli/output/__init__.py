"""What commands print: wording, reports, tables, progress."""
