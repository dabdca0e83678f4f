"""Files of the books: CSV, XLSX, SIE 4I, VAT report. One query is the source of all of them."""
