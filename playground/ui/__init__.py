"""The only room that imports streamlit: widgets drawn from the catalog, the page frame, the live view."""
