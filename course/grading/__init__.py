"""Grade notebooks of the course: answers run in a process of their own, and what they return is compared by value."""
