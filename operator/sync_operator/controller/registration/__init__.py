"""The registration engine's I/O: carries out the actions of `domain.registration` for resources of any kind."""
