SELECT release_holds()
