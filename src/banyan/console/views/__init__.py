"""One module per page; a view reads doors, shows one template, and acts through one command."""
