"""The console: server-rendered pages for the people of a shop. Its shell is here; each capability brings a folder of pages."""
