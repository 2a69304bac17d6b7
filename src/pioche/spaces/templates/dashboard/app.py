"""The first table of a dataset of this hub, with filters. HF_ENDPOINT is given to every Space; what is private
needs a secret HF_TOKEN."""

import pandas as pd
import streamlit as st
from huggingface_hub import HfApi, hf_hub_download

DATASET = "__SOURCE__"
READERS = {
    ".parquet": pd.read_parquet,
    ".csv": pd.read_csv,
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".json": pd.read_json,
}


def ending_of(path: str) -> str:
    return path[path.rfind(".") :].lower() if "." in path else ""


@st.cache_data(ttl=600)
def tables() -> list[str]:
    files = HfApi().list_repo_files(DATASET, repo_type="dataset")
    return sorted(path for path in files if ending_of(path) in READERS)


@st.cache_data(ttl=600)
def read(path: str) -> pd.DataFrame:
    return READERS[ending_of(path)](hf_hub_download(DATASET, path, repo_type="dataset"))


st.set_page_config(page_title=DATASET, layout="wide")
st.title(DATASET)
found = tables()
if not found:
    st.warning(f"{DATASET} has no table: {', '.join(READERS)} files are read")
    st.stop()
rows = read(st.selectbox("Table", found))
words = st.text_input("Rows with")
if words:
    holds = rows.astype(str).apply(lambda column: column.str.contains(words, case=False, regex=False))
    rows = rows[holds.any(axis=1)]
st.caption(f"{len(rows):,} rows, {len(rows.columns)} columns")
st.dataframe(rows)
numbers = rows.select_dtypes("number").columns
if len(numbers):
    column = st.selectbox("Column", numbers)
    st.bar_chart(rows[column].value_counts(bins=min(20, max(1, rows[column].nunique()))).sort_index().rename(str))
