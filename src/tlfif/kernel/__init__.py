"""What every subject needs: errors, time and ids, the folder of all state."""
