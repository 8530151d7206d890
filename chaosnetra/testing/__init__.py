"""What the pytest plug-in loads once it is used."""
