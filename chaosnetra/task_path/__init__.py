"""What stands inside the container of a task between its startup and the real database.

startup -> observer -> [connector emulator] -> toxics -> database
"""
