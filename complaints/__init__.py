"""Trade complaints: filed, handled, talked about, finished."""
