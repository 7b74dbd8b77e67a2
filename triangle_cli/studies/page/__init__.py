"""`triangle report`: one page that tells a study, without network: what it holds, and how it is written."""
