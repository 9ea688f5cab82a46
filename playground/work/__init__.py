"""Worker processes beside the training hosts: they answer questions and do long jobs for a page."""
