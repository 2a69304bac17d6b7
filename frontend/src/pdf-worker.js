// The reader of PDFs, apart from the page. What runs programs of a PDF is another file of theirs, which is not here.
import "pdfjs-dist/build/pdf.worker.min.mjs";
